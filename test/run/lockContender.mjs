// Contends for a lock in a process of its own: node lockContender.mjs <folder of locks>. Reads names of locks from its
// input, takes each, and if it has it keeps it for a moment in which nobody else may: it makes a folder that can be
// made once only. Tells "held", "lost" or "broken" for each.
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { takeLock } from '../../dist/media/node/processLock.js'

const folder = process.argv[2]
for await (const name of createInterface({ input: process.stdin })) {
  const lock = await takeLock(join(folder, name))
  let told = 'lost'
  if (lock !== null && 'release' in lock) {
    told = 'held'
    const alone = join(folder, `${name}.alone`)
    try {
      mkdirSync(alone)
    } catch {
      told = 'broken'
    }
    await sleep(3)
    if (told === 'held') rmdirSync(alone)
    // Released when all have tried, but for every other lock: then others may have it in turn.
    if (Number(name) % 2 === 1) lock.release()
  }
  process.stdout.write(`${told}\n`)
}
