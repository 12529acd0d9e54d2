import { expect, it } from 'vitest'
import { readers, share } from './work.mjs'
import { runFuzz } from './runFuzz.mjs'

/** The same files each time, a third of what a round of `npm run fuzz` reads. */
const seed = 1

it('every damaged file is read or refused with a code, in bounded time and memory', async () => {
  const work = Object.entries(readers).map(([name, files]) => ({ name, from: 0, to: Math.ceil(files / 3) }))
  const failures = (await Promise.all(share(work, 2).map((part) => runFuzz({ seed, work: part })))).flat()
  const again = failures.map(
    ({ reader, number, problem }) =>
      `npm run fuzz -- --seed ${seed} --reader "${reader ?? ''}" --file ${number}: ${problem}`,
  )
  expect(again).toEqual([])
}, 900_000)
