package org.pocketmatte.harness.core

import java.io.File
import java.io.IOException
import java.security.MessageDigest

private const val LOCK_NAME = "tiers.lock.json"
private const val DEVICE_NAME = "tiers.device.json"
private const val MEND = "run pocketmatte bundle --neighbours again"

/**
 * What a device runs of a network.
 *
 * @property groupClass class of the group that it is in: its own, or the highest below it.
 * @property refused `no_group`, `no_network`, `nothing_taken` or `files_damaged`; else `null`.
 * @property steps what is held whole, from low to high.
 * @property at place of what is run; `null` where it is refused.
 * @property damaged paths that are missing or not as they were chosen.
 * @property delegate what to ask the runtime for; `null` where no run said which is best.
 * @property frameMs the budget; `null` where there is none.
 */
data class DeviceDecision(
    val network: String,
    val placed: Placed,
    val groupClass: String? = null,
    val refused: String? = null,
    val steps: List<HeldStep> = emptyList(),
    val at: Int? = null,
    val damaged: List<String> = emptyList(),
    val delegate: String? = null,
    val frameMs: Double? = null
) {
    /** Returns the place of what is run; throws, with the way out, where there is nothing. */
    fun require(): Int = at ?: throw BundleException(
        when (refused) {
            "no_group" -> "the lock has nothing for ${placed.platform} ${placed.deviceClass}; " +
                "run pocketmatte select --all, or leave $network out"
            "no_network" -> "the lock has no $network; name it in the policy, and select again"
            "nothing_taken" -> "the lock takes nothing of $network for $groupClass; " +
                "leave it out here"
            else -> "of $network nothing is whole: ${damaged.joinToString(", ")}; " +
                "bring the bundle again"
        }
    )
}

/**
 * What `pocketmatte bundle --neighbours` wrote into a folder, and what a device makes of it.
 *
 * Reads and hashes files: not for the main thread.
 */
class OnDevice private constructor(
    private val root: File,
    private val lock: DeviceLock,
    private val file: DeviceFile,
    val lockSha256: String,
    val deviceSha256: String
) {
    /** Returns what a device runs of a network, of the files that are here and whole. */
    fun decide(facts: Facts, network: String): DeviceDecision =
        decide(lock, file, facts, network, ::isWhole)

    private fun isWhole(held: HeldFile): Boolean =
        try {
            damage(inside(root, held.path), held.sizeBytes, held.sha256) == null
        } catch (error: BundleException) {
            false // a link that leads out, or a disk that does not read
        }

    companion object {
        /** Reads the lock and what lies beside it. */
        fun read(root: File): OnDevice {
            val lockBytes = content(File(root, LOCK_NAME))
            val deviceBytes = content(File(root, DEVICE_NAME))
            val lockSha256 = sha256(lockBytes)
            val lock = Fields.ofBytes(lockBytes, LOCK_NAME, MEND, ::deviceLock)
            val file = Fields.ofBytes(deviceBytes, DEVICE_NAME, MEND) {
                deviceFile(it, lock, lockSha256)
            }
            return OnDevice(root, lock, file, lockSha256, sha256(deviceBytes))
        }
    }
}

internal fun decide(
    lock: DeviceLock,
    file: DeviceFile,
    facts: Facts,
    network: String,
    isWhole: (HeldFile) -> Boolean
): DeviceDecision {
    val placed = place(file.index, facts)
    val groups = lock.groups.filter {
        it.platform == placed.platform && it.deviceClass <= placed.deviceClass
    }
    val group = groups.sortedBy { it.deviceClass }.lastOrNull()
        ?: return DeviceDecision(network, placed, refused = "no_group")
    val choice = group.choices.firstOrNull { it.network == network }
        ?: return DeviceDecision(network, placed, group.deviceClass, "no_network")
    val taken = choice.taken
        ?: return DeviceDecision(network, placed, group.deviceClass, "nothing_taken")
    val beside = file.neighbours.filter {
        it.platform == group.platform && it.deviceClass == group.deviceClass &&
            it.network == network
    }
    val steps = (beside.flatMap { it.steps } + taken).sortedBy { it.tier }
    val damaged = ArrayList<String>()
    val whole = ArrayList<HeldStep>()
    for (step in steps) {
        val wrong = step.files.filter { !isWhole(it) }
        damaged.addAll(wrong.map { it.path })
        if (wrong.isEmpty()) whole.add(step)
    }
    val at = whole.indexOfLast { it.tier <= taken.tier }.takeIf { it >= 0 }
    return DeviceDecision(
        network = network,
        placed = placed,
        groupClass = group.deviceClass,
        refused = if (at == null) "files_damaged" else null,
        steps = if (at == null) emptyList() else whole,
        at = at,
        damaged = damaged,
        delegate = choice.delegate,
        frameMs = choice.frameMs
    )
}

private fun content(file: File): ByteArray =
    try {
        file.readBytes()
    } catch (error: IOException) {
        throw BundleException("$file cannot be read (${error.message}); $MEND", error)
    }

private fun sha256(bytes: ByteArray): String {
    val digest = MessageDigest.getInstance("SHA-256")
    digest.update(bytes)
    return hexadecimal(digest)
}
