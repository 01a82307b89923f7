# An id for an import block: slashes and other characters of names are encoded.
output "import_id" {
  value = provider::ferrymq::encode_id(ferrymq_broker.orders.id, "queue", "billing", "app/invoices")
}
