import { runCommand } from '../../src/cli/runCommand.js'

/** Runs the command in this process: its exit status, and what it printed. */
export async function command(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const written = { out: '', err: '' }
  const stream = (name: 'out' | 'err') => ({ write: (text: string) => { written[name] += text } })
  const status = await runCommand(args, { stdout: stream('out'), stderr: stream('err'), width: 500, debug: false })
  return { status, ...written }
}
