export interface Traced {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  readonly problems: readonly string[]
}

export function hasStrace(): boolean
export function plainEnvironment(scratch: string, more?: Readonly<Record<string, string>>): Record<string, string>
export function traced(
  file: string,
  args: readonly string[],
  options?: { folders?: readonly string[]; env?: Readonly<Record<string, string>>; cwd?: string },
): Traced
export function problemsOf(log: string, folders: readonly string[], cwd: string): string[]
