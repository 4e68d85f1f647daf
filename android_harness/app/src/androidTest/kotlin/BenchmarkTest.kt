package org.pocketmatte.harness

import android.content.Intent
import androidx.test.ext.junit.runners.AndroidJUnit4
import androidx.test.platform.app.InstrumentationRegistry
import org.junit.Assert.assertNull
import org.junit.Test
import org.junit.runner.RunWith
import org.pocketmatte.harness.core.ARGUMENTS

/**
 * The way in for `am instrument -w -r -e NAME VALUE ...`: one run, with its arguments.
 *
 * It passes where a result was written, whatever that says of the files.
 */
@RunWith(AndroidJUnit4::class)
class BenchmarkTest {
    @Test
    fun benchmark() {
        val instrumentation = InstrumentationRegistry.getInstrumentation()
        val given = InstrumentationRegistry.getArguments()
        val intent = Intent(instrumentation.targetContext, BenchmarkActivity::class.java)
        intent.addFlags(Intent.FLAG_ACTIVITY_NEW_TASK)
        for (name in ARGUMENTS) given.getString(name)?.let { intent.putExtra(name, it) }
        val activity = instrumentation.startActivitySync(intent) as BenchmarkActivity
        activity.ended.await()
        assertNull(activity.failure, activity.failure)
        activity.finish()
    }
}
