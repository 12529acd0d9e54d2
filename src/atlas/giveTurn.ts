/**
 * Lets whatever waits for this thread have its turn, in the middle of long work.
 * @throws the signal's reason once it is aborted
 */
export async function giveTurn(signal: AbortSignal | undefined): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0))
  signal?.throwIfAborted()
}
