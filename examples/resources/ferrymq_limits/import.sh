# <broker id>/limits/user/<user> or <broker id>/limits/vhost/<vhost>, the last percent-encoded.
terraform import ferrymq_limits.app 'ferrymq://broker-1.example.com:7443/orders/limits/user/app'
