"""Publishing an exported policy on the Hugging Face hub, only when it is asked for."""

from pathlib import Path


def hub_client(repository: str):
    """The client that may write to the hub. ValueError where the name can't be one, or nobody is logged
    in; asked before the export, so that it does not end in vain."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import HfHubHTTPError, HFValidationError, validate_repo_id

    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise ValueError(
            f"--push is {repository!r} ({error}); expected owner/name. Correct it."
        ) from None
    client = HfApi()
    try:
        client.whoami()
    except (HfHubHTTPError, OSError) as error:
        raise ValueError(
            f"--push is {repository}, but the hub can't be written to: {_first_line(error)}; expected "
            "somebody who is logged in. Run: hf auth login"
        ) from None
    return client


def push(client, folder: Path, repository: str) -> str:
    """Upload the folder to a private repository, made where it is not there; its address."""
    address = client.create_repo(repository, private=True, exist_ok=True)
    client.upload_folder(
        repo_id=repository, folder_path=folder, commit_message="Add a policy that corrects itself"
    )
    return str(address)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
