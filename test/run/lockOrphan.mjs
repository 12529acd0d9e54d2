// node lockOrphan.mjs <folder>: a command whose process of its own holds the lock of a run folder, and ends half a
// second after the command was killed.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { lockFolder } from '../../dist/run/folderLock.js'

const folder = process.argv[2]
if (process.send === undefined)
  fork(fileURLToPath(import.meta.url), [folder]).once('message', () => process.stdout.write('locked\n'))
else {
  await lockFolder(folder)
  process.send('locked')
  process.once('disconnect', () => setTimeout(() => process.exit(), 500))
}
