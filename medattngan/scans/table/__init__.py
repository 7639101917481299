"""Tables that users give beside their scans."""
