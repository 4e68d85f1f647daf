package org.pocketmatte.harness.gradle

import java.io.File
import java.nio.file.Files
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test

class AssetsFolderTest {
    private val out: File = Files.createTempDirectory("assets").toFile()

    private fun delivered(name: String): File {
        val folder = File(out, name)
        folder.mkdirs()
        File(folder, "delivery.json").writeText("{}")
        return folder
    }

    @Test
    fun `a name leads nowhere else`() {
        for (name in listOf("matte", "m-1", "a.b_c")) assertNull(AssetsFolder(out, name).fault())
        for (name in listOf("", ".", "..", "a/b", "../x", "a\\b", "a b")) {
            val fault = AssetsFolder(out, name).fault()!!
            assertTrue(fault, fault.startsWith("pocketmatte.folder is \"$name\"; give one name"))
        }
    }

    @Test
    fun `what was delivered under another name goes and nothing else does`() {
        val old = delivered("old")
        val now = delivered("matte")
        val other = File(out, "other")
        assertTrue(other.mkdirs())
        AssetsFolder(out, "matte").clearOthers()
        assertEquals(listOf(now, other), out.listFiles().orEmpty().sorted())
        assertTrue(!old.exists())
    }

    @Test
    fun `an output that is not there yet holds nothing`() {
        AssetsFolder(File(out, "none"), "matte").clearOthers()
        assertTrue(!File(out, "none").exists())
    }
}
