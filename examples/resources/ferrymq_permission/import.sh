# <broker id>/permission/<vhost>/<user>, the last two percent-encoded: the virtual host `/` is %2F.
terraform import ferrymq_permission.app 'ferrymq://broker-1.example.com:7443/orders/permission/billing/app'
