// A job that trains nothing but keeps the protocol: a number that each step changes, a checkpoint after each step, an
// output at the end. It is told from its number whether a run went on from the right state.
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const next = (state, step) => createHash('sha256').update(`${state} ${step}`).digest('hex')

/** What the output of an undisturbed run holds. */
export function toyResult({ toySteps, seed }) {
  let state = String(seed)
  for (let step = 1; step <= toySteps; step++) state = next(state, step)
  return state
}

/** As a run writes its files: aside, under a name with a dot. */
async function replace(path, text) {
  const aside = join(dirname(path), `.${basename(path)}.tmp`)
  await writeFile(aside, text)
  await rename(aside, path)
}

/** `toySteps` steps of `toyDelay` milliseconds each. */
export async function performToy({ payload, folder, resumed }, signal, emit) {
  const { toySteps, toyDelay, seed } = payload.options
  await mkdir(folder, { recursive: true })
  if (!resumed) await replace(join(folder, 'config.yaml'), `configVersion: 1\nseed: ${seed}\n`)
  const kept = resumed ? await readFile(join(folder, 'checkpoint.json'), 'utf8').catch(() => null) : null
  let { step, state } = kept === null ? { step: 0, state: String(seed) } : JSON.parse(kept)
  while (step < toySteps && !signal.aborted) {
    await sleep(toyDelay)
    step++
    state = next(state, step)
    await replace(join(folder, 'checkpoint.json'), JSON.stringify({ step, state }))
    emit({
      type: 'step',
      step,
      steps: toySteps,
      losses: { total: 1 / step },
      learningRate: 0,
      seconds: 0,
      secondsLeft: 0,
    })
    emit({ type: 'checkpoint', step, path: join(folder, 'checkpoint.json'), bytes: 1 })
  }
  if (step < toySteps) return false
  await replace(join(folder, 'result.txt'), state)
  return true
}
