# <broker id>/user/<name>, the name percent-encoded. The password cannot be read back; the next apply
# sends the configured one.
terraform import ferrymq_user.app 'ferrymq://broker-1.example.com:7443/orders/user/app'
