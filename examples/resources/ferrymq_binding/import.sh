# <broker id>/binding/<vhost>/<source>/queue|exchange/<destination>/<routing key>, followed by
# /<arguments as JSON> where there are some; all percent-encoded.
terraform import ferrymq_binding.app 'ferrymq://broker-1.example.com:7443/orders/binding/billing/invoices/queue/app.invoices/invoice.%2A'
