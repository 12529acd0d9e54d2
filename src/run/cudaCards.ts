import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const variable = 'CUDA_VISIBLE_DEVICES'

/**
 * The cards that CUDA may use here, as CUDA_VISIBLE_DEVICES names them: those that it names already, or all that
 * NVIDIA's driver lists; of a card that is parted (MIG), its parts. None where that driver is not there.
 */
export async function cudaCards(): Promise<readonly string[]> {
  const named = process.env[variable]
  if (named !== undefined) return named.split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]))
  try {
    const { stdout } = await promisify(execFile)('nvidia-smi', ['-L'], { timeout: 10_000 })
    const names = [...stdout.matchAll(/\(UUID: ((?:GPU|MIG)-[\w/-]+)\)/g)].map(([, name]) => name!)
    const parts = names.filter((name) => name.startsWith('MIG-'))
    return parts.length > 0 ? parts : names
  } catch {
    return []
  }
}

/** What a process of several must have in its environment to use a card of its own, as far as there are enough. */
export const onCard = (cards: readonly string[], process: number): Readonly<Record<string, string>> =>
  cards.length < 2 ? {} : { [variable]: cards[process % cards.length]! }
