// Loaded before a run (node --import): kills this process before the system call number KILL_AT of those that change
// what is on the disk, and tells at the end how many there were.
import fs from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

const at = Number(process.env.KILL_AT ?? 0)
let calls = 0

const counted = (object, name) => {
  const real = object[name]
  object[name] = function (...given) {
    calls++
    if (calls === at) process.kill(process.pid, 'SIGKILL')
    return real.apply(this, given)
  }
}

for (const name of ['rename', 'link', 'mkdir', 'rm', 'copyFile', 'open']) counted(promises, name)
for (const name of ['renameSync', 'linkSync', 'rmSync', 'writeFileSync', 'writeSync', 'ftruncateSync', 'openSync'])
  counted(fs, name)
const probe = await promises.open(new URL(import.meta.url))
const handle = Object.getPrototypeOf(probe)
await probe.close()
for (const name of ['writeFile', 'sync']) counted(handle, name)
syncBuiltinESMExports()
calls = 0
process.on('exit', () => process.stdout.write(`calls ${calls}\n`))
