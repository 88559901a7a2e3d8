"""Parameter-efficient tuning: motion prompts, adapters, LoRA, VPT."""
