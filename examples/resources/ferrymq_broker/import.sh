# ferrymq://<agent>/<broker>, the agent as host:port. Of a pair one agent is enough; both are found.
terraform import ferrymq_broker.orders 'ferrymq://broker-1.example.com:7443/orders'
