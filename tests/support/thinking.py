"""A small random policy that thinks: of Qwen3's architecture, with a vendor's chat template."""

from pathlib import Path

from base_policies import save_policy
from score.sampling.chat_template import shipped_templates
from score.sampling.history import set_history
from score.sampling.templates import _MARKER
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config

TAGS = ("<think>", "</think>")
PARITY = '''"""Whether the last digit of an attempt is even, as the answer says."""

FIRST_PROMPT = "Is {question} even? End with a digit."
CORRECTION_PROMPT = "There might be an error in the solution above; write it out again."
VERIFY_PROMPT = "Is the solution above right? End with a sentence that says so."
REVISE_PROMPT = "Then write another solution; end with a digit."
EVALUATOR_FUNCTIONS = ("parity",)
MARKER = ""


def parse_gold(raw):
    return str(raw)


def state(answer, marker):
    return answer


def extract(attempt, mode, marker):
    return ([c for c in attempt if c in "0123456789"] or [None])[-1]


def grade(extracted, answer, function):
    return float(int(extracted) % 2 == int(answer) % 2)
'''
# What Hugging Face's SmolLM3 writes around messages, with its system message left out.
SMOLLM3 = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.role == 'assistant' %}"
    "{{ m.content.lstrip('\n') }}{% else %}{{ m.content }}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% if enable_thinking is defined and "
    "not enable_thinking %}{{ '<think>\n\n</think>\n' }}{% endif %}{% endif %}"
)
_TEXTS = [
    "<think>\nhm hm\n</think>\n\nThe answer is 4. </think>\nThe </think> The\n",
    "What is 6 times 7? Recheck user assistant system tool 0123456789 +-=:()[]{},.!'\"/|<>_*#",
    "There might be an error in the solution above; correct it, and write all of it out again?",
    "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ",
]


def template_of(name: str) -> str:
    return SMOLLM3 if name == "smollm3" else shipped_templates()[name].read_text("utf-8")


def thinking_tokenizer(
    name: str,
    *,
    whole_tags: bool = True,
    all_bytes: bool = True,
    history: str = "strip",
    **variables,
):
    """Bytes and a few merges of them, the template's markers as special tokens.

    whole_tags: whether a reasoning tag is one token; else it is several, which may go on behind it.
    all_bytes: whether every text can be written, else the texts above alone, in a small vocabulary.
    """
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet() if all_bytes else []
    size = 400 if all_bytes else 1
    merges = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    words.train_from_iterator(_TEXTS * 3, merges)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, padding_side="left")
    template = template_of(name)
    markers = sorted({m for m in _MARKER.findall(template) if m not in TAGS})
    if not all_bytes:
        markers = [m for m in markers if m in ("<|im_start|>", "<|im_end|>")]
    tokenizer.add_special_tokens({"extra_special_tokens": markers})
    if whole_tags:
        tokenizer.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in TAGS])
    tokenizer.chat_template, tokenizer.template_variables = template, variables
    set_history(tokenizer, history, TAGS)
    return tokenizer


def thinking_policy(folder: Path) -> str:
    """The folder of a random policy with Qwen3's own chat template, whose attempts end and think.

    Of attempts of 60 tokens about a quarter end a block of reasoning, and another leave one open.
    """
    tokenizer = thinking_tokenizer("qwen3", all_bytes=False, history="keep")
    tokenizer.eos_token = tokenizer.pad_token = "<|im_end|>"
    return save_policy(
        folder,
        tokenizer,
        of=Qwen3Config,
        intermediate_size=48,
        num_attention_heads=4,
        head_dim=8,
        initializer_range=0.3,
        max_position_embeddings=2048,
        tie_word_embeddings=False,
    )
