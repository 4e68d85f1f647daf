/// Where a device stands.
public struct Placed: Decodable, Equatable, Sendable {
    /// Of the table where the device is known: an iPad may say `ios` of itself.
    public let platform: String
    /// Tier of its class.
    public let deviceClass: String
    /// `identifier`, `soc`, `memory`, `system` or `nothing`.
    public let by: String

    enum CodingKeys: String, CodingKey {
        case platform
        case deviceClass = "device_class"
        case by
    }
}

let lowestClass = "t01"

/// The class of a device: what is known first of name, processor, memory, system.
func place(_ index: DeviceIndex, _ facts: Facts) -> Placed {
    if let known = identified(index, facts) {
        let ramMib = facts.ramMib ?? known.leastMib
        let found: String
        if let most = index.socs[known.soc].most {
            found = min(most, byMemory(index.family(facts), ramMib))
        } else {
            found = bound(index, facts, ramMib).tier
        }
        return Placed(platform: known.platform, deviceClass: found, by: "identifier")
    }
    let classes = reported(index, facts).map { ofSoc(index, facts, $0) }
    if let slowest = classes.min() {
        return Placed(platform: facts.platform, deviceClass: slowest, by: "soc")
    }
    let least = bound(index, facts, facts.ramMib)
    return Placed(platform: facts.platform, deviceClass: least.tier, by: least.by)
}

private func identified(_ index: DeviceIndex, _ facts: Facts) -> IndexDevice? {
    let model = folded(facts.model ?? "")
    var maker = folded(facts.manufacturer ?? "")
    if maker.isEmpty && !facts.isAndroid {
        maker = "apple"
    }
    let makers = index.devices.filter { maker.isEmpty || $0.manufacturer == maker }
    var found = makers.filter { $0.models.contains(model) }
    if let said = facts.device, found.isEmpty, !maker.isEmpty, !said.isEmpty {
        let device = folded(said)
        found = makers.filter { $0.devices.contains(device) }
    }
    guard let only = found.first, found.count == 1,
        (only.platform == "android") == facts.isAndroid
    else { return nil }
    return only
}

private func reported(_ index: DeviceIndex, _ facts: Facts) -> [IndexSoc] {
    for name in spellings(of: facts.soc ?? "") {
        let found = index.socs.filter { $0.names.contains(name) && $0.apple != facts.isAndroid }
        if !found.isEmpty { return found }
    }
    return []
}

private func ofSoc(_ index: DeviceIndex, _ facts: Facts, _ soc: IndexSoc) -> String {
    guard let most = soc.most else { return bound(index, facts, facts.ramMib).tier }
    return min(most, byMemory(index.family(facts), facts.ramMib ?? soc.leastMib))
}

private func byMemory(_ family: Family, _ ramMib: Int) -> String {
    reached(family.memory, ramMib) ?? lowestClass
}

/// The last of rising floors that a value reaches.
private func reached(_ floors: [Floor], _ value: Int) -> String? {
    floors.last(where: { value >= $0.least })?.tier
}

/// The class that memory, system and what is declared come to, and what said so.
private func bound(
    _ index: DeviceIndex, _ facts: Facts, _ ramMib: Int?
) -> (tier: String, by: String) {
    let family = index.family(facts)
    var memory: String?
    if let ramMib, let most = family.sold.last {
        let enough = min(ramMib, most.least)
        memory = family.sold.first(where: { $0.least >= enough })?.tier
    }
    var system: [String] = []
    if let major = facts.major {
        let running = family.systems.first(where: { each in
            each.last.map { $0 >= major } ?? true
        })
        system += [running?.tier].compactMap { $0 }
    }
    if let promised = facts.mediaPerformanceClass, facts.isAndroid {
        system += [reached(index.declared, promised)].compactMap { $0 }
    }
    let by = memory != nil ? "memory" : system.isEmpty ? "nothing" : "system"
    var found = (system + [memory, lowestClass].compactMap { $0 }).max() ?? lowestClass
    if let ramMib {
        found = min(found, byMemory(family, ramMib))
    }
    if let cores = facts.cores, facts.isAndroid, cores <= index.fewCores {
        found = lowestClass
    }
    return (found, by)
}
