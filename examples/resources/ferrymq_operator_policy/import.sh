# <broker id>/operator_policy/<vhost>/<name>, the last two percent-encoded: the virtual host `/` is %2F.
terraform import ferrymq_operator_policy.bounds 'ferrymq://broker-1.example.com:7443/orders/operator_policy/billing/bounds'
