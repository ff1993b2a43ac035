import { CheckpointError, type Tokenizer } from "@denoise-rotator/checkpoint";
import { Template } from "@huggingface/jinja";

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/**
 * The ids of a conversation as the model was trained to read it, up to where its answer begins, by the tokenizer's chat
 * template.
 *
 * @throws CheckpointError where there is none, or it refuses the conversation.
 */
export function chatPrompt(
  tokenizer: Pick<Tokenizer, "name" | "chatTemplate" | "bosId" | "eosId" | "token" | "encode">,
  messages: readonly ChatMessage[],
): Int32Array {
  const { name, chatTemplate, bosId, eosId } = tokenizer;
  if (chatTemplate === undefined) {
    throw new CheckpointError(
      "TOKENIZER",
      `${name}: the model has no chat template; give it a plain prompt, or a model that was tuned for chats`,
    );
  }
  const textOf = (id: number | undefined) => (id === undefined ? "" : (tokenizer.token(id) ?? ""));
  const tokens = { bos_token: textOf(bosId), eos_token: textOf(eosId) };
  let text: string;
  try {
    text = new Template(chatTemplate).render({ messages, add_generation_prompt: true, ...tokens });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CheckpointError("TOKENIZER", `${name}: its chat template cannot be used (${why})`, { cause });
  }
  return tokenizer.encode(text);
}
