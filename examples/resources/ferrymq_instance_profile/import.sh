# The name.
terraform import ferrymq_instance_profile.hosts ferrymq-host
