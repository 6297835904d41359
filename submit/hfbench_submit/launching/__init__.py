"""Workers: launched, listened to, and brought home with an outcome."""
