# <broker id>/vhost/<name>, the name percent-encoded.
terraform import ferrymq_vhost.billing 'ferrymq://broker-1.example.com:7443/orders/vhost/billing'
