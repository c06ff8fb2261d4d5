fn main() {}
mod authority; mod clock; mod error; mod hub; mod keys; mod presence; mod store; mod tls;
