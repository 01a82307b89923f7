# Tells at plan whether the application's messages reach its queue.
output "reaches" {
  value = provider::ferrymq::topic_matches("invoice.*.paid", "invoice.eu.paid")
}
