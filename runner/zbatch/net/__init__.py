"""The only room with sockets on the client side; foreign exceptions become faults here."""
