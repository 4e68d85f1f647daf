package org.pocketmatte.harness.gradle

import java.io.File
import org.gradle.api.DefaultTask
import org.gradle.api.GradleException
import org.gradle.api.provider.Property
import org.gradle.api.tasks.Internal
import org.gradle.api.tasks.TaskAction
import org.gradle.work.DisableCachingByDefault

/**
 * Writes the modules of AI packs, or checks them. They are sources, which Gradle reads before it
 * runs any task, so they are no task's output: each build checks them and none writes them.
 */
@DisableCachingByDefault(because = "it looks at everything each time, and that is what it is for")
abstract class PacksTask : DefaultTask() {
    /** Filled by the plugin; a command of the layout `ai-packs`. */
    @get:Internal
    abstract val command: Property<DeliverCommand>

    /** Where relative paths begin. */
    @get:Internal
    abstract val from: Property<File>

    /** Write or check. */
    @TaskAction
    fun look() {
        Ran.of(command.get(), from.get()).reason()?.let { reason ->
            val again = if (command.get().check) "; run updateMattePacks" else ""
            throw GradleException("pocketmatte: $reason$again")
        }
    }
}
