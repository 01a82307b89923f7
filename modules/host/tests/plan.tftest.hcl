# What the module makes of its variables, without AWS.

mock_provider "ferrymq" {}

variables {
  name               = "shop-1"
  subnet_id          = "subnet-0123abcd"
  security_group_ids = ["sg-0123abcd"]
}

run "a_host_has_a_role_and_a_data_volume_of_its_own" {
  command = plan

  assert {
    condition     = ferrymq_host.this[0].iam_instance_profile == "shop-1" && ferrymq_host.this[0].data_volume.size_gib == 100
    error_message = "unexpected host"
  }
}

run "a_role_of_others_is_taken" {
  command = plan

  variables {
    create_instance_profile = false
    iam_instance_profile    = "others"
  }

  assert {
    condition     = length(ferrymq_instance_profile.this) == 0 && ferrymq_host.this[0].iam_instance_profile == "others"
    error_message = "unexpected role"
  }
}

run "nothing_is_made_without_create" {
  command = plan

  variables {
    create = false
  }

  assert {
    condition     = length(ferrymq_host.this) + length(ferrymq_instance_profile.this) == 0
    error_message = "something is made"
  }
}

run "bad_values_are_refused" {
  command = plan

  variables {
    data_volume = { size_gib = 10, on_destroy = "forget" }
  }

  expect_failures = [var.data_volume]
}
