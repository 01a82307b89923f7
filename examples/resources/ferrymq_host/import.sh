# <region>/<instance>, or the instance alone in the provider's region.
terraform import ferrymq_host.orders eu-west-1/i-0123456789abcdef0
