import { runCommand } from '../../src/cli/runCommand.js'

/**
 * Runs the command in this process, on a terminal so wide that no line is broken: its exit status, and what it printed.
 */
export async function command(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const written = { out: '', err: '' }
  const stream = (name: 'out' | 'err') => ({
    write: (text: string) => {
      written[name] += text
    },
  })
  const status = await runCommand(args, { stdout: stream('out'), stderr: stream('err'), width: 1000, debug: false })
  return { status, ...written }
}
