# <broker id>/policy/<vhost>/<name>, the last two percent-encoded: the virtual host `/` is %2F.
terraform import ferrymq_policy.invoices 'ferrymq://broker-1.example.com:7443/orders/policy/billing/invoices'
