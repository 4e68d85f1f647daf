package org.pocketmatte.harness.gradle

import org.gradle.api.file.ConfigurableFileCollection
import org.gradle.api.file.DirectoryProperty
import org.gradle.api.file.RegularFileProperty
import org.gradle.api.provider.ListProperty
import org.gradle.api.provider.Property

/** `pocketmatte { ... }` of an app's build file. */
abstract class DeliveryExtension {
    /** A Python of 3.11 or newer; `python3` if not given. */
    abstract val python: Property<String>

    /** A checkout of PocketMatte. */
    abstract val sources: DirectoryProperty

    abstract val bundle: DirectoryProperty
    abstract val lock: RegularFileProperty

    /** What the lock was chosen by. */
    abstract val policy: RegularFileProperty
    abstract val results: ConfigurableFileCollection
    abstract val networks: ListProperty<String>

    /** Tiers on each side for a device to step to, with `tiers.device.json`; none if not given. */
    abstract val neighbours: Property<Int>

    /** Whether the lock is taken as it is: where its policy and results are not at hand. */
    abstract val frozen: Property<Boolean>

    /** Folder of the app's assets; `matte` if not given. */
    abstract val folder: Property<String>

    /** Where the modules of AI packs lie. If it is given, the app itself holds no network. */
    abstract val packs: DirectoryProperty

    /** When Play brings them: install-time, fast-follow or on-demand. */
    abstract val delivery: Property<String>
}
