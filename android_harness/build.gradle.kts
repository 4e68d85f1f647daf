// Kotlin of Android modules is built into the Android Gradle plugin since its version 9; naming the
// JVM plugin here also lifts that Kotlin to the catalog's version.
plugins {
    alias(libs.plugins.android.application) apply false
    alias(libs.plugins.android.library) apply false
    alias(libs.plugins.kotlin.jvm) apply false
}
