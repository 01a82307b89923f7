variable "app_password" {
  description = "Password of the user `app`."
  type        = string
  sensitive   = true
  ephemeral   = true
}

# The password is written to the broker and stored nowhere else. A higher version writes it again.
resource "ferrymq_user" "app" {
  broker              = ferrymq_broker.orders.id
  name                = "app"
  password_wo         = var.app_password
  password_wo_version = 1
}

resource "ferrymq_user" "operator" {
  broker              = ferrymq_broker.orders.id
  name                = "operator"
  password_wo         = var.app_password
  password_wo_version = 1
  tags                = ["administrator"]
}
