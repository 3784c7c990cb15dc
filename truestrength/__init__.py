"""What a researcher imports: `truestrength.results` reads finished sweeps and runs back."""
