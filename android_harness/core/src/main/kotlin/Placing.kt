package org.pocketmatte.harness.core

/**
 * Where a device stands.
 *
 * @property platform of the table where the device is known: an iPad may say `ios` of itself.
 * @property deviceClass tier of its class.
 * @property by `identifier`, `soc`, `memory`, `system` or `nothing`.
 */
data class Placed(val platform: String, val deviceClass: String, val by: String)

/** Returns the class of a device: what is known first of name, processor, memory, system. */
internal fun place(index: DeviceIndex, facts: Facts): Placed {
    val known = identified(index, facts)
    if (known != null) {
        val ramMib = facts.ramMib ?: known.leastMib
        val most = index.socs[known.soc].most
        val found =
            if (most == null) bound(index, facts, ramMib).first
            else lower(most, byMemory(index.family(facts), ramMib))
        return Placed(known.platform, found, "identifier")
    }
    val socs = reported(index, facts)
    if (socs.isNotEmpty()) {
        val found = socs.map { ofSoc(index, facts, it) }.sorted().first()
        return Placed(facts.platform, found, "soc")
    }
    val (found, by) = bound(index, facts, facts.ramMib)
    return Placed(facts.platform, found, by)
}

private fun lower(one: String, other: String) = if (one <= other) one else other

private fun identified(index: DeviceIndex, facts: Facts): IndexDevice? {
    val model = folded(facts.model ?: "")
    val said = folded(facts.manufacturer ?: "")
    val maker = if (said == "" && !facts.android) "apple" else said
    val makers = index.devices.filter { maker == "" || it.manufacturer == maker }
    var found = makers.filter { model in it.models }
    if (found.isEmpty() && maker != "" && !facts.device.isNullOrEmpty()) {
        val device = folded(facts.device)
        found = makers.filter { device in it.devices }
    }
    return found.singleOrNull()?.takeIf { (it.platform == "android") == facts.android }
}

private fun reported(index: DeviceIndex, facts: Facts): List<IndexSoc> {
    for (name in spellings(facts.soc ?: "")) {
        val found = index.socs.filter { name in it.names && it.apple != facts.android }
        if (found.isNotEmpty()) return found
    }
    return emptyList()
}

private fun ofSoc(index: DeviceIndex, facts: Facts, soc: IndexSoc): String =
    if (soc.most == null) bound(index, facts, facts.ramMib).first
    else lower(soc.most, byMemory(index.family(facts), facts.ramMib ?: soc.leastMib))

private fun byMemory(family: Family, ramMib: Long) = from(family.memory, ramMib) ?: LOWEST_CLASS

/** Returns the last of rising floors that a value reaches. */
private fun from(floors: List<Floor>, value: Long): String? =
    floors.lastOrNull { value >= it.least }?.tier

/** Returns the class that memory, system and what is declared come to, and what said so. */
private fun bound(index: DeviceIndex, facts: Facts, ramMib: Long?): Pair<String, String> {
    val family = index.family(facts)
    var memory: String? = null
    if (ramMib != null && family.sold.isNotEmpty()) {
        val enough = minOf(ramMib, family.sold.last().least)
        memory = family.sold.first { it.least >= enough }.tier
    }
    val major = facts.major
    val running = major?.let { version ->
        family.systems.firstOrNull { it.last == null || it.last >= version }?.tier
    }
    val promised = facts.mediaPerformanceClass.takeIf { facts.android }
    val declared = promised?.let { from(index.declared, it) }
    val by = when {
        memory != null -> "memory"
        running != null || declared != null -> "system"
        else -> "nothing"
    }
    var found = listOfNotNull(LOWEST_CLASS, memory, running, declared).sorted().last()
    if (ramMib != null) found = lower(found, byMemory(family, ramMib))
    if (facts.android && facts.cores != null && facts.cores <= index.fewCores) found = LOWEST_CLASS
    return Pair(found, by)
}
