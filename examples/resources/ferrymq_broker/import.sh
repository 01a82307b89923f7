# ferrymq://<agent>/<broker>, the agent as host:port.
terraform import ferrymq_broker.orders 'ferrymq://broker-1.example.com:7443/orders'
