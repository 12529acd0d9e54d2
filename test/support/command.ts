import type * as RunCommand from '../../src/cli/runCommand.js'

// The built command: a run is in a process of its own, which needs compiled files.
const { runCommand } = (await import(
  new URL('../../dist/cli/runCommand.js', import.meta.url).href
)) as typeof RunCommand

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
