# <broker id>/topic_permission/<vhost>/<user>/<exchange>, the last three percent-encoded.
terraform import ferrymq_topic_permission.app 'ferrymq://broker-1.example.com:7443/orders/topic_permission/billing/app/invoices'
