# <broker id>/queue/<vhost>/<name>, the last two percent-encoded: the virtual host `/` is %2F.
terraform import ferrymq_queue.app 'ferrymq://broker-1.example.com:7443/orders/queue/billing/app.invoices'
