"""What an app decides on the device: the reference that Kotlin and Swift are held to."""
