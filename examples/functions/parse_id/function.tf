# { broker = "ferrymq://…", kind = "queue", names = ["billing", "app.invoices"] }
output "parts" {
  value = provider::ferrymq::parse_id(ferrymq_queue.app.id)
}
