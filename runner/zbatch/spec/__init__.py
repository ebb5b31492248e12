"""From text to a `Spec` to a `Plan`: the one door for what people write."""
