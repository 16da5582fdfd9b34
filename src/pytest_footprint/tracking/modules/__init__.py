"""Which module runs: calls, names, the order of the backward pass, and the hooks of users."""
