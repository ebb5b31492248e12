"""What tests of several rooms share: virtual time, scripted servers, benches."""
