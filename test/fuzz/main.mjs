// npm run fuzz -- --seconds 600 --seed 3: damaged files until the time is over. With --reader png --file 17 the one
// file, and where it is kept with --keep file.png.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { damagedFile } from './damage.mjs'
import { readers } from './readers.mjs'
import { runFuzz } from './runFuzz.mjs'
import { readers as counts } from './work.mjs'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    reader: { type: 'string' },
    file: { type: 'string' },
    keep: { type: 'string' },
  },
})
const chosen = readers.filter(({ name }) => values.reader === undefined || name === values.reader)
if (chosen.length === 0) {
  console.error(`There is no reader "${values.reader}". Readers: ${readers.map(({ name }) => name).join(', ')}.`)
  process.exit(2)
}
let failed = 0
const tell = (seed, failures) => {
  failed += failures.length
  for (const { reader, number, problem } of failures)
    console.log(
      `seed ${seed}, reader "${reader}", file ${number}: ${problem}\n  again: npm run fuzz -- --seed ${seed} --reader "${reader}" --file ${number}\n`,
    )
}
if (values.file !== undefined) {
  const number = Number(values.file)
  if (values.keep !== undefined) writeFileSync(values.keep, damagedFile(chosen[0], Number(values.seed), number))
  tell(
    Number(values.seed),
    await runFuzz({ seed: Number(values.seed), work: [{ name: chosen[0].name, from: number, to: number + 1 }] }),
  )
} else {
  const end = performance.now() + 1000 * Number(values.seconds)
  for (let seed = Number(values.seed); performance.now() < end; seed++) {
    for (const { name } of chosen) {
      if (performance.now() > end) break
      const files = counts[name]
      const began = performance.now()
      tell(seed, await runFuzz({ seed, work: [{ name, from: 0, to: files }] }))
      console.log(`seed ${seed}: ${files} files of "${name}" in ${((performance.now() - began) / 1000).toFixed(1)} s`)
    }
  }
}
process.exit(failed === 0 ? 0 : 1)
