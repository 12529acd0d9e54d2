/**
 * What is loaded first, how modules are found, the heap's limit, certificates, names, proxies, permissions: what holds
 * for a whole program.
 */
const holding =
  /^--(import|require|loader|experimental-loader|conditions|max-old-space-size|use|dns|network-family|tls|openssl|permission|allow)\b|^-[rC]$/
const takesNext = /^(--(import|require|loader|experimental-loader|conditions)|-[rC])$/

/**
 * Those of Node's flags that a process made by this one takes over. What says which program to run (`--eval`,
 * `--input-type`, `--test`) or belongs to one process (`--inspect`) stays here.
 * @param flags `process.execArgv`
 */
export function inheritedFlags(flags: readonly string[]): string[] {
  const kept: string[] = []
  for (let i = 0; i < flags.length; i++) {
    const flag = flags[i]!
    const next = flags[i + 1]
    if (!holding.test(flag)) {
      // The program itself may look like a flag.
      if (/^(-e|-p|-pe|--eval|--print)$/.test(flag)) i++
    } else if (takesNext.test(flag) && next !== undefined) {
      kept.push(flag, next)
      i++
    } else kept.push(flag)
  }
  return kept
}
