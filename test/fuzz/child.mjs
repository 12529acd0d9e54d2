// Reads damaged files one after the other in a process of its own: node child.mjs <folder of reports> <seed> <reader>
// <from> <to>
import { appendFileSync, closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { Text2LiveError } from '../../dist/errors.js'
import { damagedFile } from './damage.mjs'
import { home, readers } from './readers.mjs'

const [folder, seed, names] = process.argv.slice(2)
sharp.concurrency(1)
sharp.cache(false)

/**
 * Bytes that one file may add to the most memory that the process had: a decoder, its tables, a session of ONNX
 * Runtime.
 */
const mostMemory = 400e6
/** Milliseconds that one file may take; this machine may be slow and busy. */
const longestTime = 15_000

const progress = openSync(join(folder, 'progress'), 'w')
const tell = (file) => {
  writeSync(progress, `${JSON.stringify(file)}\n${' '.repeat(80)}\n`, 0)
}
const fail = (file, problem) => appendFileSync(join(folder, 'failures'), `${JSON.stringify({ ...file, problem })}\n`)

for (const { name, from, to } of JSON.parse(names)) {
  const reader = readers.find((each) => each.name === name)
  const path = join(home, reader.file ?? 'file')
  let memory = process.resourceUsage().maxRSS
  for (let number = from; number < to; number++) {
    const file = { reader: name, number }
    tell(file)
    const bytes = damagedFile(reader, seed, number)
    if (reader.file !== undefined) writeFileSync(path, bytes)
    const began = performance.now()
    let error = null
    try {
      await reader.read(bytes, path)
    } catch (thrown) {
      error = thrown
    }
    const problem = problemOf(error)
    if (problem !== null) fail(file, problem)
    const took = performance.now() - began
    if (took > longestTime) fail(file, `took ${Math.round(took)} ms`)
    const now = process.resourceUsage().maxRSS
    if (1000 * (now - memory) > mostMemory && number > from) fail(file, `took ${Math.round((now - memory) / 1000)} MB`)
    memory = now
  }
}
tell({ reader: null, number: 0 })
closeSync(progress)
process.exit(0)

function problemOf(error) {
  if (error === null) return null
  if (!(error instanceof Text2LiveError)) return `threw what has no code: ${error?.stack ?? String(error)}`
  if (error.code === 'INTERNAL') return `threw INTERNAL: ${error.stack}`
  if (/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(error.message))
    return `${error.code} with a control character: ${JSON.stringify(error.message)}`
  return error.message.length > 4000 ? `${error.code} of ${error.message.length} characters` : null
}
