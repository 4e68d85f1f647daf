package org.pocketmatte.harness.gradle

import java.io.File
import java.nio.file.Files
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test

/** The command against the program itself: a bundle, a lock and a Python are given from outside. */
class DeliveryTest {
    private fun given(name: String) = File(System.getProperty("pocketmatte.$name"))

    private val folder: File = Files.createTempDirectory("delivery").toFile()
    private val command = DeliverCommand(
        python = given("python").path,
        sources = given("sources"),
        lock = given("lock"),
        bundle = given("bundle"),
        out = File(folder, "matte"),
        layout = DeliverCommand.ASSETS
    )

    private fun reason(command: DeliverCommand): String? = Ran.of(command, folder).reason()

    @Test
    fun `a delivery is written and then is up to date`() {
        assertNull(reason(command))
        assertTrue(File(folder, "matte/tiers.lock.json").isFile)
        val ran = Ran.of(command, folder)
        assertTrue(ran.said, "is up to date" in ran.said)
    }

    @Test
    fun `packs are checked and the first thing that is wrong is the reason`() {
        val packs = command.copy(layout = DeliverCommand.AI_PACKS, out = File(folder, "packs"))
        assertEquals(
            "$folder/packs is no folder; deliver again", reason(packs.copy(check = true))
        )
        assertNull(reason(packs))
        assertNull(reason(packs.copy(check = true)))
        val targeting = File(folder, "packs/device_targeting_config.xml")
        assertTrue(targeting.delete())
        assertEquals(
            "device_targeting_config.xml is missing from $folder/packs; deliver again",
            reason(packs.copy(check = true))
        )
    }

    @Test
    fun `a stale lock fails with the reason`() {
        val text = given("lock").readText()
        val lock = File(folder, "stale.json")
        lock.writeText(text.replace("\"minimum_tier\": \"t01\"", "\"minimum_tier\": \"t02\""))
        val reason = reason(command.copy(lock = lock))!!
        assertTrue(reason, reason.startsWith("$lock is stale: policy: minimum_tier of"))
        assertTrue(reason, !File(folder, "matte").exists())
    }
}
