# Region and id of the VPC.
terraform import ferrymq_network.shop 'eu-west-1/vpc-0123456789abcdef0'
