# <broker id>/exchange/<vhost>/<name>, the last two percent-encoded: the virtual host `/` is %2F.
terraform import ferrymq_exchange.invoices 'ferrymq://broker-1.example.com:7443/orders/exchange/billing/invoices'
